module example.com/driver-events/durations

go 1.26.0

require example.com/driver-events/consumers v0.0.0

replace example.com/driver-events/consumers => ../../../docs/consumers/go
