package live

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/sluice-gateway/sluice/web/access"
	"github.com/sluice-gateway/sluice/web/api"
)

// view is one way to see the state, and what was told of it. What was told is never
// changed, only replaced.
type view struct {
	who      access.Identity
	told     *api.State
	watchers int

	turn  int            // samples so far
	heard map[string]int // the turn in which a row was last told
}

func newView(who access.Identity, state *api.State) *view {
	return &view{who: who, told: state, heard: map[string]int{}}
}

// change is a row's own patch, of a bucket or of an account.
type change struct {
	section, id string
	urgency     float64
	patch       func() any            // made only if it is told
	tell        func(told *api.State) // makes the row what the patch makes of it
}

// atOnce is the urgency of what cannot wait.
const atOnce = math.MaxFloat64

const budgetsSection, upstreamsSection = "budgets", "upstreams"

// next is the patch from what was told to a state, within so many bytes, and what is told
// with it. Figures always go; of rows the most urgent, and the others later. Nil: nothing
// has changed.
func (v *view) next(state *api.State, room int) ([]byte, *api.State) {
	v.turn++
	told := *state
	told.Budgets, told.Upstreams = maps.Clone(v.told.Budgets), maps.Clone(v.told.Upstreams)
	patch := figuresChange(v.told, state)
	room -= len(encoded(patch))
	for _, c := range v.rowChanges(state) {
		data := encoded(c.patch())
		if room -= len(c.id) + len(data) + len(`"":,`); room < 0 {
			break
		}
		rows, _ := patch[c.section].(map[string]json.RawMessage)
		if rows == nil {
			rows = map[string]json.RawMessage{}
			patch[c.section] = rows
		}
		rows[c.id] = data
		c.tell(&told)
		v.heard[c.section+c.id] = v.turn
	}
	if len(patch) == 0 {
		return nil, v.told
	}
	return encoded(patch), &told
}

// encoded is plain data as JSON, which never fails.
func encoded(v any) []byte {
	data, _ := json.Marshal(v)
	return data
}

// figuresChange is the patch of all but the rows of buckets and accounts.
func figuresChange(from, to *api.State) map[string]any {
	a, b := *from, *to
	a.Budgets, a.Upstreams, b.Budgets, b.Upstreams = nil, nil, nil, nil
	patch, differs := difference(plain(a), plain(b))
	if !differs {
		return map[string]any{}
	}
	return patch.(map[string]any)
}

// rowChanges are the patches of the rows that have changed, the most urgent first.
func (v *view) rowChanges(to *api.State) []change {
	out := append(v.bucketChanges(to), v.accountChanges(to)...)
	for id := range v.told.Budgets {
		if _, stays := to.Budgets[id]; !stays {
			out = append(out, v.gone(budgetsSection, id, func(s *api.State) { delete(s.Budgets, id) }))
		}
	}
	for id := range v.told.Upstreams {
		if _, stays := to.Upstreams[id]; !stays {
			out = append(out, v.gone(upstreamsSection, id, func(s *api.State) { delete(s.Upstreams, id) }))
		}
	}
	slices.SortFunc(out, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.urgency, a.urgency), cmp.Compare(a.section, b.section), cmp.Compare(a.id, b.id))
	})
	return out
}

func (v *view) gone(section, id string, tell func(*api.State)) change {
	return change{section, id, atOnce, func() any { return nil }, func(s *api.State) {
		tell(s)
		delete(v.heard, section+id)
	}}
}

// age is how many samples ago a row was told.
func (v *view) age(section, id string) int { return v.turn - v.heard[section+id] }

// bucketChanges are the patches of the buckets that have changed. A level that has moved
// far is more urgent than one that has moved little, and the longer ago the more.
func (v *view) bucketChanges(to *api.State) (out []change) {
	for id, b := range to.Budgets {
		was, known := v.told.Budgets[id]
		if known && was == b {
			continue
		}
		c := change{section: budgetsSection, id: id, urgency: atOnce, tell: func(s *api.State) { s.Budgets[id] = b }}
		switch {
		case !known:
			c.patch = func() any { return b }
		case still(was) == still(b):
			moved := math.Abs(float64(b.Level-was.Level)) + math.Abs(float64(b.Reserved-was.Reserved))
			c.urgency = moved / float64(max(b.Capacity, 1)) * float64(v.age(budgetsSection, id))
			c.patch = func() any { return levels(&was, &b) }
		default:
			c.patch = func() any { return rowChange(was, b) }
		}
		out = append(out, c)
	}
	return out
}

// still is a bucket without what moves all the time.
func still(b api.Budget) api.Budget {
	b.Level, b.Reserved, b.Debt, b.FullInMS = 0, 0, 0, 0
	return b
}

// levels is the patch of what moves all the time.
func levels(from, to *api.Budget) map[string]int64 {
	patch := map[string]int64{}
	for name, n := range map[string][2]int64{
		"level": {from.Level, to.Level}, "reserved": {from.Reserved, to.Reserved}, "debt": {from.Debt, to.Debt}, "full_in_ms": {from.FullInMS, to.FullInMS},
	} {
		if n[0] != n[1] {
			patch[name] = n[1]
		}
	}
	return patch
}

// rowChange is the patch from one row to another.
func rowChange(from, to any) any {
	patch, _ := difference(plain(from), plain(to))
	return patch
}

// Of accounts, states are told at once. How well they answer is told every few samples:
// it is a picture of the last 256 attempts, and no hurry.
const (
	statisticsEvery = 5
	accountUrgency  = .005 // a bucket that has moved by a two-hundredth goes first
)

// accountChanges are the patches of the accounts that have changed.
func (v *view) accountChanges(to *api.State) (out []change) {
	for id, u := range to.Upstreams {
		was, known := v.told.Upstreams[id]
		c := change{section: upstreamsSection, id: id, urgency: atOnce, tell: func(s *api.State) { s.Upstreams[id] = u }}
		if !known {
			c.patch = func() any { return u }
			out = append(out, c)
			continue
		}
		if age := v.age(upstreamsSection, id); reflect.DeepEqual(stance(was), stance(u)) {
			part := was
			if part.InFlight = u.InFlight; age >= statisticsEvery {
				part.Latency, part.Failures, part.Keys = u.Latency, u.Failures, u.Keys
			}
			u, c.urgency = part, accountUrgency*float64(age)
		}
		if !reflect.DeepEqual(was, u) {
			c.patch = func() any { return rowChange(was, u) }
			out = append(out, c)
		}
	}
	return out
}

// stance is an account without what moves all the time.
func stance(u api.Upstream) api.Upstream {
	u.InFlight, u.Latency, u.Failures = 0, api.Latency{}, nil
	u.Keys = slices.Clone(u.Keys)
	for i := range u.Keys {
		u.Keys[i].InFlight, u.Keys[i].CheckedAt = 0, nil
	}
	return u
}

// readable is a bucket as far as a picture shows it: what moves has three significant
// digits, or each second would change all of them.
func readable(b api.Budget) api.Budget {
	b.Level, b.Reserved, b.Debt = digits(b.Level, 3), digits(b.Reserved, 3), digits(b.Debt, 3)
	if b.FullInMS > 0 {
		b.FullInMS = max(digits(b.FullInMS, 2), 1)
	}
	return b
}

// digits keeps so many significant digits of a number, rounded towards zero: nothing has
// more left than there is.
func digits(n int64, keep int) int64 {
	unit := int64(1)
	for most := int64(math.Pow10(keep)); n/unit >= most || n/unit <= -most; {
		unit *= 10
	}
	return n / unit * unit
}

// coarse is an account's latency with two significant digits.
func coarse(l api.Latency) api.Latency {
	for _, ms := range []*float64{&l.FirstByteP50, &l.FirstByteP95, &l.WholeP50, &l.WholeP95} {
		*ms = float64(digits(int64(*ms*1000), 2)) / 1000
	}
	return l
}
