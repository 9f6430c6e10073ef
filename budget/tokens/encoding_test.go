package tokens

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"
)

var differential = flag.Int("tokens.differential", 20_000, "random strings per encoding to compare with the reference")

type pair struct {
	fast *encoding
	ref  *reference
}

// load reads both counters once for all tests.
var load = sync.OnceValue(func() (p [encodings]pair) {
	classes := newClassTable()
	tiktoken.SetBpeLoader(loader.NewOfflineLoader())
	for n := range encodings {
		fast, err := loadEncoding(n, classes)
		if err != nil {
			panic(err)
		}
		ref, err := loadReference(n)
		if err != nil {
			panic(err)
		}
		p[n] = pair{fast, ref}
	}
	return p
})

func compare(t *testing.T, s string) {
	t.Helper()
	for n, p := range load() {
		if got, want := p.fast.count([]byte(s)), p.ref.count([]byte(s)); got != want {
			t.Errorf("%s: %d tokens, the reference counts %d: %q", encodingName(n), got, want, s)
		}
	}
}

func TestKnownCounts(t *testing.T) {
	for s, want := range map[string][2]int{ // o200k, cl100k
		"": {0, 0}, "hello world": {2, 2}, "Hello, world!": {4, 4}, "안녕하세요": {2, 5}, "tiktoken is great!": {6, 6},
	} {
		for n, p := range load() {
			if got := p.fast.count([]byte(s)); got != want[n] {
				t.Errorf("%s: %q is %d tokens, want %d", encodingName(n), s, got, want[n])
			}
		}
	}
}

func TestHardSplits(t *testing.T) {
	for _, s := range []string{
		"I'm you'll we'RE it'S 'd x'Ve", "a  b   c", "a \n b", " \n \n", "\n\t\n", "  \r\n  x", "tab\tx", "x ", "x  ", " ", "  ",
		"ABCdef DEF Abc", "HTTPServer", "ǅabc ǅABC", "おA!", "ABCおD", "e\u0301tude \u0301 x\u0301", "\u0301A", " \u0301A", "١٢٣٤ ½ Ⅷ",
		"!!!\n\n x", "a/b//c\n/", " /\n", "don't", "DON'T", "'sabc", "<|endoftext|>", "\u00a0x", "\u3000\u3000x", "\u2028\u2029x", "🙂🙂 x",
		"1234567", "x1y22z333", "\x00\x01", "a\u200db", "ſ's 'ſ", "K'M", "\u0085a", "\u180ea", "中文字符，测试", "𝒜𝒷c 𐐀𐐨 𞤀𞤢",
		"\xff\xfe bad \xc3", "\U000e0100\U0002f800x", "\u1e9e\u0130i'T",
	} {
		compare(t, s)
	}
}

func alphabet() []string {
	var a []string
	for _, s := range []string{"abcXYZ", "'\"`.,;:!?/\\<>|#", " \t\n\r", "0123", "éÀßǅʰª", "가나다한글", "中文字", "あアー", "אבג", "ابج", "กขค", "🙂👍🏽", "\u0301\u0308", "\u00a0\u3000\u2028\u0085", "½Ⅷ١", "\u200d\ufeff", "𝒜𐐀𞤢"} {
		for _, r := range s {
			a = append(a, string(r))
		}
	}
	return append(a, "'s", "'LL", "  ", "\n\n", "the", " and", "ing", "ABC", "====", "    ", "\r\n", "http://", "функция", " слово", "\xff")
}

func TestAgainstTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, uint64(*differential)))
	a := alphabet()
	var b strings.Builder
	for i := range *differential {
		b.Reset()
		for range 1 + r.IntN(24) {
			s := a[r.IntN(len(a))]
			b.WriteString(strings.Repeat(s, 1+r.IntN(3)*r.IntN(2)))
		}
		compare(t, b.String())
		if t.Failed() {
			t.Fatalf("after %d strings", i)
		}
	}
	t.Logf("%d random strings per encoding, no mismatch", *differential)
}

// Long pieces take the ways of merging that short ones do not.
func TestLongPiecesAgainstTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, s := range []string{"a", " ", "가", "ab", "A", "=", "\n", "é", "aab"} {
		for _, n := range []int{7, 100, 191, 193, 1000, 2001} {
			compare(t, strings.Repeat(s, n))
		}
	}
	for range 40 {
		b := make([]byte, 500+r.IntN(1500))
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz"[r.IntN(1+r.IntN(26))]
		}
		compare(t, string(b))
	}
	words := joinedTokens(1 << 16)
	for range 40 {
		i := r.IntN(len(words) - 3000)
		compare(t, words[i:i+20+r.IntN(2900)])
	}
}

// Every character, before, between and after letters, white space and signs. The short
// form takes one of many.
func TestEveryCharacterAgainstTheReference(t *testing.T) {
	step := 101
	if *differential >= 1_000_000 {
		step = 1
	}
	for r := rune(0); r <= 0x10ffff; r += rune(step) {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		compare(t, fmt.Sprintf("a%cB%cc %c\n%c1 'S%c", r, r, r, r, r))
		if t.Failed() {
			t.Fatalf("U+%04X", r)
		}
	}
}

func pathological(size int) map[string]string {
	return map[string]string{
		"letter": strings.Repeat("a", size), "spaces": strings.Repeat(" ", size),
		"syllable": strings.Repeat("가", size/3), "special": strings.Repeat("<|endoftext|>", size/13),
		"random letters": randomLetters(size), "words without spaces": joinedTokens(size), "han": strings.Repeat("的一是", size/9), "newlines": strings.Repeat("\n", size),
	}
}

func randomLetters(n int) string {
	r := rand.New(rand.NewPCG(3, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// joinedTokens is one long word that has few borders, made of tokens of letters.
func joinedTokens(n int) string {
	var tokens []string
	for s := range load()[o200k].fast.v.ranks {
		if len(s) > 3 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == "" {
			tokens = append(tokens, s)
		}
	}
	slices.Sort(tokens)
	r := rand.New(rand.NewPCG(4, 4))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(tokens[r.IntN(len(tokens))])
	}
	return b.String()
}

// No input may cost more than in proportion to its length, which is told from the
// ratio of two lengths rather than from the clock of a shared machine.
func TestNoInputIsQuadratic(t *testing.T) {
	for name, s := range pathological(1 << 18) {
		for n, p := range load() {
			cost := func(size int) time.Duration {
				best := time.Hour
				for range 3 {
					begin := cpuTime(t)
					p.fast.count([]byte(s[:size/12*12]))
					best = min(best, cpuTime(t)-begin)
				}
				return best
			}
			small, big := cost(len(s)/16), cost(len(s))
			if ratio := float64(big) / float64(max(small, 50*time.Microsecond)); ratio > 80 {
				t.Errorf("%s, %s: 16 times the length costs %.0f times as much (%v)", encodingName(n), name, ratio, big)
			}
		}
	}
}

// cpuTime is what the process has computed so far. It does not grow while others have the
// processors.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzCount(f *testing.F) {
	f.Add("hello 'S\n\n  가나 ABCd")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 1000 {
			compare(t, s)
		}
	})
}

func samples() map[string]string {
	return map[string]string{
		"English": strings.Repeat("The quick brown fox jumps over the lazy dog, while seventeen engineers discuss the throughput of their gateway. ", 20),
		"Korean":  strings.Repeat("게이트웨이는 요청을 보내기 전에 토큰 수를 추정하고, 여유가 있는 계정에서 예약한 뒤 실제 사용량으로 정산합니다. ", 20),
		"code":    strings.Repeat("func (p *Pool) Step(now Instant, out []Effect) ([]Effect, Instant) {\n\tp.step++\n\tfor i := range p.lines {\n\t\twake = min(wake, p.serve(now, &p.lines[i]))\n\t}\n}\n", 20),
		"JSON":    strings.Repeat(`{"id":"req_8F2K","usage":{"prompt_tokens":1155,"completion_tokens":211},"ok":true,"items":[1,2,3]},`, 20),
	}
}

func BenchmarkCount(b *testing.B) {
	for name, s := range samples() {
		for n, p := range load() {
			b.Run(name+"/"+encodingName(n).String(), func(b *testing.B) {
				text := []byte(s)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					p.fast.count(text)
				}
			})
		}
	}
}

func BenchmarkReference(b *testing.B) {
	for name, s := range samples() {
		b.Run(name, func(b *testing.B) {
			text := []byte(s)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				load()[o200k].ref.count(text)
			}
		})
	}
}

func BenchmarkPathological(b *testing.B) {
	for name, s := range pathological(1 << 20) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				load()[o200k].fast.count([]byte(s))
			}
		})
	}
}
