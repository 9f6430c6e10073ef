package admission

import "math"

// mix spreads two numbers over 64 bits (the finaliser of SplitMix64).
func mix(a, b uint64) uint64 {
	z := a ^ b*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is a hash as a number in (0, 1).
func unit(h uint64) float64 { return (float64(h>>11) + 0.5) / (1 << 53) }

// exponential turns a number in [0, 1) into an exponentially distributed one.
func exponential(x float64) float64 { return -math.Log1p(-min(max(x, 0), 1-1e-16)) }
