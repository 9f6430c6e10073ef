package openai_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sluice-gateway/sluice/providers/openai"
)

func TestConvertEmbeddings(t *testing.T) {
	tests := []struct{ name, in, want, out string }{
		{"as asked, floats", `{"data":[{"embedding":[0.1,2]}]}`, "float", `{"data":[{"embedding":[0.1,2]}]}`},
		{"as asked, base64", `{"data":[{"embedding":"AACAPw=="}]}`, "base64", `{"data":[{"embedding":"AACAPw=="}]}`},
		{"nothing asked", `{"data":[{"embedding":"AACAPw=="}]}`, "", `{"data":[{"embedding":[1]}]}`},
		{"to base64", `{"x":[1.50], "data": [ {"index":0,"embedding": [ 1 , -2.5 ] , "o":"e"} ],"usage":{"total_tokens":1}}`, "base64", `{"x":[1.50], "data": [ {"index":0,"embedding": "AACAPwAAIMA=" , "o":"e"} ],"usage":{"total_tokens":1}}`},
		{"to floats", `{"data":[{"embedding":"AACAPwAAIMA="},{"embedding":[3]}]}`, "float", `{"data":[{"embedding":[1,-2.5]},{"embedding":[3]}]}`},
		{"escaped", `{"data":[{"embedding":"\/\/9\/fw=="}]}`, "float", `{"data":[{"embedding":[3.4028235e+38]}]}`},
		{"empty", `{"data":[{"embedding":[]},{"embedding":""}]}`, "base64", `{"data":[{"embedding":""},{"embedding":""}]}`},
		{"no data", `{"a":1}`, "base64", `{"a":1}`},
	}
	for _, tt := range tests {
		got, err := openai.ConvertEmbeddings([]byte(tt.in), tt.want)
		if err != nil || string(got) != tt.out {
			t.Errorf("%s: %s, %v", tt.name, got, err)
		}
	}
	for _, in := range []string{
		"", "[]", `{"data":[{"embedding":[1,"x"]}]}`, `{"data":[{"embedding":[1e99]}]}`, `{"data":[{"embedding":[1`, `{"data":[]} x`,
	} {
		if _, err := openai.ConvertEmbeddings([]byte(in), "base64"); err == nil {
			t.Errorf("%q is converted", in)
		}
	}
	for _, in := range []string{`{"data":[{"embedding":"AAA="}]}`, `{"data":[{"embedding":"???"}]}`, `{"data":[{"embedding":"AADAfw=="}]}`} {
		if _, err := openai.ConvertEmbeddings([]byte(in), "float"); err == nil {
			t.Errorf("%q is converted", in)
		}
	}
}

// Every 32-bit float survives both ways.
func TestConvertEmbeddingsIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var raw []byte
	for range 10_000 {
		bits := random.Uint32()
		if v := float64(math.Float32frombits(bits)); !math.IsNaN(v) && !math.IsInf(v, 0) {
			raw = binary.LittleEndian.AppendUint32(raw, bits)
		}
	}
	packed := []byte(`{"data":[{"embedding":"` + base64.StdEncoding.EncodeToString(raw) + `"}]}`)
	floats, err := openai.ConvertEmbeddings(packed, "float")
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Data []struct{ Embedding []float32 }
	}
	if err := json.Unmarshal(floats, &body); err != nil {
		t.Fatal(err)
	}
	for i, v := range body.Data[0].Embedding {
		if math.Float32bits(v) != binary.LittleEndian.Uint32(raw[4*i:]) {
			t.Fatalf("number %d is %v", i, v)
		}
	}
	if again, err := openai.ConvertEmbeddings(floats, "base64"); err != nil || !bytes.Equal(again, packed) {
		t.Errorf("it does not come back: %v", err)
	}
}
