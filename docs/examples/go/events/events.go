// Package events has what every consumer of the events of agents' driver loops does, whatever brings them to it.
//
// Attributes are those of CloudEvents, by their names without a prefix.
package events

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// recent remembers the last keys, 100,000 at least.
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

// Watcher tells what is missing and what comes twice.
type Watcher struct {
	ids  recent[string, bool]
	last recent[[2]string, uint64]
}

// Look looks at the attributes of the next event.
func (w *Watcher) Look(attributes map[string]string) string {
	if id := attributes["id"]; id != "" {
		if _, seen := w.ids.get(id); seen {
			return "duplicate"
		}
		w.ids.put(id, true)
	}
	sequence, err := strconv.ParseUint(attributes["sequence"], 10, 64)
	if err != nil {
		return ""
	}
	run := [2]string{attributes["subject"], attributes["producerrun"]}
	last, seen := w.last.get(run)
	w.last.put(run, max(sequence, last))
	switch {
	case !seen || sequence == last+1: // who begins to read in the middle misses nothing
		return ""
	case sequence <= last:
		return "late"
	}
	return fmt.Sprintf("%d missing before", sequence-last-1)
}

// event is what all kinds have: which they are, and, in one of these places, the goal.
type event struct {
	Kind                      string
	GoalID                    string `json:"goal_id"`
	Goal                      struct{ ID string }
	Outcome, Result, Decision struct {
		GoalID string `json:"goal_id"`
	}
}

// Line is the event in a line, of which no terminal obeys what an event contains.
func Line(payload []byte, attributes map[string]string, note string) string {
	if note != "" {
		note = " (" + note + ")"
	}
	var e event // a kind that nobody knows yet is an event too, whatever else is in it
	if err := json.Unmarshal(payload, &e); e.Kind == "" {
		return fmt.Sprintf("no event: %v%s", cmp.Or(err, errors.New("no kind")), note) // what is no event stops nobody
	}
	goal := cmp.Or(attributes["subject"], e.GoalID, e.Goal.ID, e.Outcome.GoalID, e.Result.GoalID, e.Decision.GoalID, "-")
	sequence := cmp.Or(strings.TrimLeft(attributes["sequence"], "0"), "-")
	line := strconv.QuoteToASCII(e.Kind + " " + goal + " " + sequence)
	return line[1:len(line)-1] + note
}
