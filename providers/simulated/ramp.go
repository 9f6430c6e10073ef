package simulated

// ramp refuses traffic that grows too quickly. It counts requests by the second over
// the last thirty-five.
type ramp struct {
	second int64 // number of the newest slot
	counts [35]int64
}

// rampFree is how many requests in five seconds are never too many.
const rampFree = 10

// admit counts a request, or answers that the last five seconds have had more than f
// times what the thirty before them allow.
func (r *ramp) admit(now int64, f float64) bool {
	s := now / 1_000_000_000
	for range min(s-r.second, int64(len(r.counts))) {
		r.second++
		r.counts[r.second%int64(len(r.counts))] = 0
	}
	r.second = max(r.second, s)
	recent, before := int64(0), int64(0)
	for i := range int64(len(r.counts)) {
		if n := r.counts[(r.second+int64(len(r.counts))-i)%int64(len(r.counts))]; i < 5 {
			recent += n
		} else {
			before += n
		}
	}
	if recent >= rampFree && float64(recent) >= f*float64(before)/6 {
		return false
	}
	r.counts[r.second%int64(len(r.counts))]++
	return true
}
