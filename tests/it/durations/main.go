// Prints each argument, a duration, in nanoseconds, or "error".
package main

import (
	"fmt"
	"os"

	"example.com/driver-events/consumers/events"
)

func main() {
	for _, text := range os.Args[1:] {
		if duration, err := events.ParseDuration(text); err != nil {
			fmt.Println("error")
		} else {
			fmt.Println(duration.Nanoseconds())
		}
	}
}
