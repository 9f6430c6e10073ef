package tokens

import (
	"encoding/base64"
	"testing"
)

// The sizes and counts are OpenAI's own examples, and edges.
func TestPictures(t *testing.T) {
	of := func(model string) pictures { return familyOf(families(), model).pictures }
	for _, c := range []struct {
		model string
		w, h  int
		want  int
	}{
		{"gpt-4o", 1024, 1024, 765}, {"gpt-4o", 2048, 4096, 1105}, {"gpt-4o", 1, 1, 255}, {"gpt-4o", 16383, 1, 85 + 4*170},
		{"gpt-5", 512, 512, 210}, {"gpt-4o-mini", 512, 512, 8500},
		{"gpt-4.1-mini", 1800, 2400, 2353}, {"gpt-4.1-mini", 1024, 1024, 1659}, {"o4-mini", 32, 32, 2}, {"gpt-5-nano", 16383, 1, 1260},
		{"claude-3-5-sonnet", 280, 280, 100}, {"claude-3-5-sonnet", 8000, 8000, 1568},
		{"gemini-2.5-pro", 384, 384, 258}, {"gemini-2.5-pro", 1000, 700, 516},
	} {
		url := Text{JSON: []byte("data:image/webp;base64," + base64.StdEncoding.EncodeToString(webp(c.w, c.h)))}
		if got := of(c.model).tokens(Image{URL: url}); got != c.want {
			t.Errorf("%s, %d×%d: %d, want %d", c.model, c.w, c.h, got, c.want)
		}
	}
}

// webp is the header of a picture of that size.
func webp(w, h int) []byte {
	b := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X"), make([]byte, 18)...)
	for i := range 3 {
		b[24+i], b[27+i] = byte((w-1)>>(8*i)), byte((h-1)>>(8*i))
	}
	return b
}

func TestWebPSizes(t *testing.T) {
	for _, c := range []struct{ name, chunk string }{
		{"lossless", "VP8L\x00\x00\x00\x00\x2f\x3f\xc1\x0e\x00\x00\x00\x00\x00\x00"},
		{"lossy", "VP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x40\x01\x3c\x00"},
	} {
		w, h, ok := webpSize([]byte(c.chunk))
		if !ok || w != 320 || h != 60 {
			t.Errorf("%s: %d×%d %v", c.name, w, h, ok)
		}
	}
}
