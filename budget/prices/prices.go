// Package prices says what tokens cost: a table of prices with the dates from which they
// hold, and the arithmetic in integer nano-dollars. It is pure.
package prices

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// NanoUSD is a dollar in nano-dollars.
const NanoUSD = 1_000_000_000

// Price is what one model costs from a day on. Amounts are nano-dollars per million
// tokens, per call, and per picture of the prompt; below zero is not told: cached input
// and cache writes then cost what input costs, a call and its pictures nothing more.
type Price struct {
	// Provider is a preset's name, such as openai; empty: any.
	Provider string
	// Model is the upstream model's name; a * at its end stands for any rest.
	Model string
	// From is when the price begins to hold. Zero: always.
	From time.Time
	// Above: the price is for all tokens of calls whose input is more than so many. Zero
	// or less: for every call.
	Above int64

	Input, CachedInput, CacheWrite, Output, Request, Image int64
}

// Usage is what a call used. Input includes CachedInput and CacheWrite, and the tokens of
// the pictures where they have any.
type Usage struct{ Input, CachedInput, CacheWrite, Output, Images int64 }

// Table is a list of prices. Of those that match, the one of the most exact name
// counts, then the latest that holds already, then the one for the longest input, then the
// last on the list.
type Table []Price

// Find answers the price of a model at a provider for a call with so many tokens of input;
// false: nobody has told it.
func (t Table) Find(provider, model string, at time.Time, input int64) (Price, bool) {
	best, rank := -1, -1
	for i := range t {
		p := &t[i]
		if p.Provider != "" && p.Provider != provider || p.From.After(at) || p.Above > 0 && input <= p.Above {
			continue
		}
		if r := p.exactness(model); r >= 0 && (r > rank || r == rank && !p.goesAfter(&t[best])) {
			best, rank = i, r
		}
	}
	if best < 0 {
		return Price{}, false
	}
	return t[best], true
}

// goesAfter says that of two prices of one name, both of which hold, the other counts.
func (p *Price) goesAfter(other *Price) bool {
	if c := p.From.Compare(other.From); c != 0 {
		return c < 0
	}
	return max(p.Above, 0) < max(other.Above, 0)
}

// For keeps the prices of one model at one provider, without the provider's name.
func (t Table) For(provider, model string) Table {
	var out Table
	for _, p := range t {
		if (p.Provider == "" || p.Provider == provider) && p.exactness(model) >= 0 {
			p.Provider = ""
			out = append(out, p)
		}
	}
	return out
}

// exactness is how much of a model's name the price names; below zero: it is another's.
func (p *Price) exactness(model string) int {
	if p.Model == model {
		return 1 << 20
	}
	if head, ok := strings.CutSuffix(p.Model, "*"); ok && strings.HasPrefix(model, head) {
		return len(head)
	}
	return -1
}

// Cost is what a call costs in nano-dollars, rounded up; at most a quarter of what 64 bits hold, so that two add up.
func (p *Price) Cost(u Usage) int64 {
	cached := min(max(u.CachedInput, 0), max(u.Input, 0))
	written := min(max(u.CacheWrite, 0), max(u.Input, 0)-cached)
	plain := max(u.Input, 0) - cached - written
	sum := sum{}
	sum.add(plain, p.Input)
	sum.add(cached, orElse(p.CachedInput, p.Input))
	sum.add(written, orElse(p.CacheWrite, p.Input))
	sum.add(max(u.Output, 0), p.Output)
	return sum.perMillion(p.apart(u.Images))
}

// apart is what a call costs whatever its tokens.
func (p *Price) apart(images int64) int64 {
	whole := min(max(p.Request, 0), most)
	images, each := max(images, 0), max(p.Image, 0)
	if hi, lo := bits.Mul64(uint64(images), uint64(each)); hi == 0 && lo <= uint64(most-whole) {
		return whole + int64(lo)
	}
	return most
}

func orElse(v, otherwise int64) int64 {
	if v < 0 {
		return otherwise
	}
	return v
}

// sum adds products in 128 bits, so that no price and no usage overflows.
type sum struct{ hi, lo uint64 }

func (s *sum) add(n, price int64) {
	if n <= 0 || price <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(n), uint64(price))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi, carry)
}

const (
	million = 1_000_000
	most    = 1<<62 - 1
)

// perMillion divides by a million tokens, up, and adds what the call costs by itself.
func (s *sum) perMillion(more int64) int64 {
	if s.hi >= million/2 {
		return most
	}
	q, r := bits.Div64(s.hi, s.lo, million)
	if r > 0 {
		q++
	}
	if q > uint64(most-more) {
		return most
	}
	return int64(q) + more
}

// Parse reads a table: lines of
//
//	from, provider, model, input, cached_input, cache_write, output, request, image, above
//
// in dollars per million tokens, per call and per picture, and tokens of input; what is
// empty, or left out at the end, is not told. Providers stand with spaces between. # begins
// a comment.
func Parse(text string) (Table, error) {
	var t Table
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		p, err := parseLine(strings.Split(line, ","))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		providers := strings.Fields(p.Provider)
		if len(providers) == 0 {
			providers = []string{""}
		}
		for _, p.Provider = range providers {
			t = append(t, p)
		}
	}
	return t, nil
}

// fields of a line, of which those from the price of input on may be left out.
const fields, needed = 10, 4

func parseLine(f []string) (p Price, err error) {
	if len(f) < needed || len(f) > fields {
		return p, fmt.Errorf("%d fields, not %d to %d", len(f), needed, fields)
	}
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	f = append(f, make([]string, fields-len(f))...)
	if f[0] != "" {
		if p.From, err = time.Parse(time.DateOnly, f[0]); err != nil {
			return p, err
		}
	}
	if p.Provider, p.Model = f[1], f[2]; p.Model == "" {
		return p, fmt.Errorf("no model")
	}
	for i, to := range []*int64{&p.Input, &p.CachedInput, &p.CacheWrite, &p.Output, &p.Request, &p.Image} {
		if *to, err = dollars(f[3+i]); err != nil {
			return p, err
		}
	}
	if f[9] != "" {
		if p.Above, err = strconv.ParseInt(f[9], 10, 64); err != nil || p.Above <= 0 {
			return p, fmt.Errorf("%q is not a number of tokens", f[9])
		}
	}
	return p, nil
}

// dollars reads an amount into nano-dollars; -1: none.
func dollars(s string) (int64, error) {
	if s == "" {
		return -1, nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > 9 || strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%q is not an amount of dollars", s)
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", 9-len(fraction)), 10, 62)
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount of dollars", s)
	}
	return int64(n), nil
}
