// Package events detects duplicates and gaps, parses durations, and formats events, for consumers of driver events over any transport.
//
// Attributes are CloudEvents attributes, named without a prefix.
package events

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// recent is a map that keeps at least the last 100,000 keys.
type recent[K comparable, V any] struct{ now, before map[K]V }

func (r *recent[K, V]) get(key K) (V, bool) {
	if value, found := r.now[key]; found {
		return value, true
	}
	value, found := r.before[key]
	return value, found
}

func (r *recent[K, V]) put(key K, value V) {
	if r.now == nil || len(r.now) >= 100_000 {
		r.before, r.now = r.now, map[K]V{}
	}
	r.now[key] = value
}

// Watcher detects gaps, duplicates and late events.
type Watcher struct {
	ids  recent[[2]string, bool]
	last recent[[2]string, uint64]
}

// Observe returns a note on the next event: empty, duplicate, late, or the number of missing events before it.
func (w *Watcher) Observe(attributes map[string]string) string {
	if id := [2]string{attributes["source"], attributes["id"]}; id[1] != "" {
		if _, seen := w.ids.get(id); seen {
			return "duplicate"
		}
		w.ids.put(id, true)
	}
	sequence, err := strconv.ParseUint(attributes["sequence"], 10, 64)
	if err != nil || attributes["producerrun"] == "" {
		return ""
	}
	run := [2]string{attributes["subject"], attributes["producerrun"]}
	last, seen := w.last.get(run)
	w.last.put(run, max(sequence, last))
	switch {
	case !seen || sequence == last+1: // the first event of a run is not a gap
		return ""
	case sequence <= last:
		return "late"
	}
	return fmt.Sprintf("%d missing before", sequence-last-1)
}

var units = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "m": time.Minute, "h": time.Hour,
	"day": 86_400 * time.Second, "days": 86_400 * time.Second,
	"month": 2_630_016 * time.Second, "months": 2_630_016 * time.Second, // 30.44 days
	"year": 31_557_600 * time.Second, "years": 31_557_600 * time.Second, // 365.25 days
}

// ParseDuration parses a duration, such as "1m 36s 410ms". Durations over 292 years do not fit: they are an error.
func ParseDuration(text string) (time.Duration, error) {
	var sum time.Duration
	for part := range strings.SplitSeq(text, " ") {
		unit := strings.TrimLeft(part, "0123456789")
		number, err := strconv.ParseInt(strings.TrimSuffix(part, unit), 10, 64)
		scale, known := units[unit]
		switch {
		case !known || errors.Is(err, strconv.ErrSyntax):
			return 0, fmt.Errorf("invalid duration %q", text)
		case err != nil || number > int64((math.MaxInt64-sum)/scale):
			return 0, fmt.Errorf("duration %q exceeds 292 years", text)
		}
		sum += time.Duration(number) * scale
	}
	return sum, nil
}

// event has the fields that are printed. The goal is in one of several places.
type event struct {
	Kind    string
	GoalID  string `json:"goal_id"`
	Goal    struct{ ID string }
	Outcome struct {
		GoalID  string `json:"goal_id"`
		Elapsed string
	}
	Result, Decision struct {
		GoalID string `json:"goal_id"`
	}
}

// IsEvent reports whether the payload is an event of a known or unknown kind.
func IsEvent(payload []byte) bool {
	var e event
	_ = json.Unmarshal(payload, &e) // unknown fields are accepted, whatever their types
	return e.Kind != ""
}

// Line formats the event as one line, escaped so that it is safe to print to a terminal.
func Line(payload []byte, attributes map[string]string, note string) string {
	if note != "" {
		note = " (" + note + ")"
	}
	var e event // unknown kinds and fields are accepted
	if err := json.Unmarshal(payload, &e); e.Kind == "" {
		return fmt.Sprintf("malformed: %v%s", cmp.Or(err, errors.New("no kind")), note) // a malformed event does not stop the consumer
	}
	goal := cmp.Or(attributes["subject"], e.GoalID, e.Goal.ID, e.Outcome.GoalID, e.Result.GoalID, e.Decision.GoalID, "-")
	sequence := cmp.Or(strings.TrimLeft(attributes["sequence"], "0"), "-")
	line := e.Kind + " " + goal + " " + sequence
	if elapsed, err := ParseDuration(e.Outcome.Elapsed); err == nil {
		line += fmt.Sprintf(" took %dms", elapsed.Milliseconds())
	} else if e.Outcome.Elapsed != "" { // printed as received
		line += " took " + e.Outcome.Elapsed
	}
	line = strconv.QuoteToASCII(line)
	return line[1:len(line)-1] + note
}
