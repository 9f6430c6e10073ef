package telemetry

// Fault says who has to change something so that a request like this one succeeds. The
// vocabulary is closed: there are these four, and none.
type Fault string

// The faults.
const (
	// FaultNone: nothing went wrong.
	FaultNone Fault = ""
	// FaultCaller: the request, its credential or its patience.
	FaultCaller Fault = "caller"
	// FaultPolicy: a limit, a budget or an order of importance that somebody has set.
	FaultPolicy Fault = "policy"
	// FaultProvider: an upstream did not answer, or not as it should.
	FaultProvider Fault = "provider"
	// FaultGateway: the gateway itself.
	FaultGateway Fault = "gateway"
)

// Faults are those that can be counted.
func Faults() []Fault { return []Fault{FaultCaller, FaultPolicy, FaultProvider, FaultGateway} }

// FaultOf derives the fault from what a record says: its outcome decides, and where one
// outcome has two causes, the error's code or the reason for shedding. What is not
// known is the gateway's, so that it is looked at.
func FaultOf(outcome, code, shedReason string) Fault {
	switch outcome {
	case "ok":
		return FaultNone
	case "rejected", "unauthorized", "upstream_rejected", "client_gone":
		return FaultCaller
	case "limited", "no_room", "too_large":
		return FaultPolicy
	case "shed":
		if shedReason == "shed" || shedReason == "queue_full" {
			return FaultPolicy
		}
		return FaultGateway // it protects itself
	case "upstream_failed", "timeout":
		return FaultProvider
	case "stream_broken":
		if code == "shutting_down" {
			return FaultGateway
		}
		return FaultProvider
	}
	return FaultGateway
}
