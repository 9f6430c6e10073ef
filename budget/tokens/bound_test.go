package tokens

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// writings are texts of many scripts, and data that is written as text.
func writings() map[string]string {
	in := samples()
	for name, s := range map[string]string{
		"thai": "สวัสดีครับ วันนี้อากาศดีมาก เราจะไปตลาดกันไหม ", "russian": "Шлюз оценивает количество токенов до отправки запроса. ",
		"chinese": "网关在发送请求之前估算令牌数量，并在有余量的账户中预留。", "traditional": "閘道在傳送請求之前估算權杖數量，並於帳戶預留。",
		"japanese": "ゲートウェイはリクエストを送る前にトークン数を見積もります。", "arabic": "تقدر البوابة عدد الرموز قبل إرسال الطلب. ",
		"hebrew": "השער מעריך את מספר האסימונים לפני שליחת הבקשה. ", "greek": "Η πύλη εκτιμά τον αριθμό των διακριτικών. ",
		"hindi": "गेटवे अनुरोध भेजने से पहले टोकन की संख्या का अनुमान लगाता है। ", "tamil": "கோரிக்கையை அனுப்புவதற்கு முன் மதிப்பிடுகிறது. ",
		"french": "La passerelle estime le nombre de jetons, où l'été à Noël. ", "vietnamese": "Cổng ước tính số lượng mã thông báo trước khi gửi. ",
		"amharic": "ሰላም እንዴት ነህ ዛሬ ", "khmer": "សួស្តី តើអ្នកសុខសប្បាយទេ ", "armenian": "Բարեւ ձեզ, ինչպես եք այսօր ", "georgian": "გამარჯობა როგორ ხარ დღეს ",
		"names": "getHTTPServerURLForXMLParserIDs(aB, xY, fooBarBazQux) ", "signs": "~!@#$%^&*()_+{}|:\"<>?`-=[]\\;',./ ", "indented": "\n        x\n\t\ty",
		"markdown": "| a | b |\n|---|---|\n| 1 | 2 |\n\n- **x**: `y`\n",
	} {
		in[name] = strings.Repeat(s, 10)
	}
	r := rand.New(rand.NewPCG(1, 9))
	raw := make([]byte, 3000)
	var digits, floats, ids, rows, letters, emoji strings.Builder
	for i := range raw {
		raw[i] = byte(r.Uint32())
		fmt.Fprintf(&digits, "%d,", r.IntN(10))
		fmt.Fprintf(&floats, "%.6f, ", r.Float64())
		fmt.Fprintf(&ids, "%08x-%04x-%04x ", r.Uint32(), r.IntN(65536), r.IntN(65536))
		fmt.Fprintf(&rows, "%d %d %d\n", i, r.IntN(10), r.IntN(100000))
		fmt.Fprintf(&letters, "%c %c,%c ", 'a'+r.IntN(26), 'A'+r.IntN(26), 'a'+r.IntN(26))
		emoji.WriteRune(rune(0x1f300 + r.IntN(0x300)))
	}
	in["digits"], in["floats"], in["ids"], in["rows"], in["letters"], in["emoji"] = digits.String(), floats.String(), ids.String(), rows.String(), letters.String(), emoji.String()
	in["base64"], in["hex"] = base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw)
	return in
}

func TestTheBoundHoldsOnOrdinaryTexts(t *testing.T) {
	e := ready(t, "fast")
	for name, s := range writings() {
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, model := range []string{"gpt-4o", "gpt-4"} {
			p := chat(model, user(string(quoted[1:len(quoted)-1])))
			c, b := e.Count(p), e.Bound(p)
			if b < c || b > 6*c {
				t.Errorf("%s, %s: %d tokens, the bound is %d", name, model, c, b)
			}
			t.Logf("%5.2f %s %s", float64(b)/float64(c), model, name)
		}
	}
}

// Long texts are bounded from a sample: of one kind, and of all kinds one after another.
func TestTheBoundHoldsOnLongTexts(t *testing.T) {
	all := writings()
	names := slices.Sorted(maps.Keys(all))
	texts := map[string]string{}
	for _, name := range names {
		texts[name] = strings.Repeat(all[name], 1+20_000/len(all[name]))
	}
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 300 {
		var b strings.Builder
		for b.Len() < 6_000+i*100 {
			s := all[names[r.IntN(len(names))]]
			b.WriteString(s[:min(len(s), 100+r.IntN(1500))])
		}
		texts[fmt.Sprint("mixed ", i)] = strings.ToValidUTF8(b.String(), "")
	}
	for name, s := range texts {
		for n, p := range load() {
			if c, b := p.fast.count([]byte(s)), boundText(encodingName(n), []byte(s)); int64(c) > b {
				t.Errorf("%s, %s: %d tokens, the bound is %d", name, encodingName(n), c, b)
			}
		}
	}
}

// What is counted eight bytes at a time is what is counted one at a time.
func TestTheTallyOfASCII(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 2000 {
		s := make([]byte, 8*r.IntN(80))
		for i := range s {
			s[i] = "abzAZ09@[`{/: \n\x00\x7f"[r.IntN(17)]
		}
		var got, want tally
		got.scan(s)
		at := func(i int, in string) bool {
			return i >= 0 && strings.IndexByte(in, s[i]) >= 0
		}
		begins := func(i int, in string) bool { return at(i, in) && !at(i-1, in) }
		for i := range s {
			if at(i, " ") {
				if at(i-1, " ") {
					want.ascii += 2
				}
				continue
			}
			want.ascii += 2
			if begins(i, "abzAZ") || begins(i, "AZ") || begins(i, "09") || !at(i, "abzAZ09") {
				want.ascii += 2
			}
			if at(i, "09") && at(i-1, " ") {
				want.ascii += 4
			}
		}
		if got != want {
			t.Fatalf("%q: %+v, want %+v", s, got, want)
		}
	}
}

func FuzzPrompt(f *testing.F) {
	f.Add(`a\u00e9\n`, `[{"function":{"name":"f"}}]`, "data:image/png;base64,iVBORw0KGgo=")
	e := ready(f, "fast")
	f.Fuzz(func(t *testing.T, s, tools, url string) {
		p := chat("gpt-4o", user(s))
		p.Tools, p.Images = []byte(tools), []Image{{URL: text(url)}}
		if e.Count(p) < 0 || e.Bound(p) < 0 {
			t.Fatal("below zero")
		}
	})
}

func BenchmarkBound(b *testing.B) {
	for name, s := range samples() {
		s = strings.Repeat(s, 1+20_000/len(s))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				boundText(o200k, []byte(s))
			}
		})
	}
}
