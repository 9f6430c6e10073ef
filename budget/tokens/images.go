package tokens

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	_ "image/gif"  // sizes of data: URLs
	_ "image/jpeg" // sizes of data: URLs
	_ "image/png"  // sizes of data: URLs
	"io"
	"math"
)

// pictures is how a family of models charges for a picture.
type pictures struct {
	// base, and tile for each square of 512 after the picture is fitted into
	// 2048×2048 and its shorter side into 768; low detail costs the base alone.
	base, tile int
	// patch is the price of each square of 32, of which there are at most 1536.
	patch float64
	// edge and most: squares of 28 after the longer side is fitted into edge.
	edge, most int
	// square says that each square of 768 costs base.
	square bool
}

// unseenSize is assumed of a picture whose size cannot be known without fetching it,
// which is never done: a large one.
const unseenWidth, unseenHeight = 2048, 4096

// tokens is what a picture costs.
func (p pictures) tokens(img Image) int {
	if img.Detail == "low" && p.tile > 0 {
		return p.base
	}
	w, h, ok := dataSize(img.URL)
	if !ok {
		w, h = unseenWidth, unseenHeight
	}
	fw, fh := float64(w), float64(h)
	switch {
	case p.patch > 0:
		return int(math.Ceil(patches(fw, fh) * p.patch))
	case p.edge > 0:
		fw, fh = fit(fw, fh, float64(p.edge)/max(fw, fh))
		return min(squares(fw, fh, 28), p.most)
	case p.square && max(w, h) <= 384:
		return p.base
	case p.square:
		return p.base * squares(fw, fh, 768)
	}
	fw, fh = fit(fw, fh, 2048/max(fw, fh))
	fw, fh = fit(fw, fh, 768/min(fw, fh))
	return p.base + p.tile*squares(fw, fh, 512)
}

// fit makes a picture smaller, never larger.
func fit(w, h, r float64) (float64, float64) {
	if r >= 1 {
		return w, h
	}
	return w * r, h * r
}

// squares of a side that cover a picture; less than a thousandth too much is rounding.
func squares(w, h, side float64) int {
	n := func(x float64) float64 { return max(math.Ceil(x/side-0.001), 1) }
	return int(min(n(w)*n(h), 1<<20))
}

// patches of 32 that cover a picture after it is made small enough for 1536 of them.
func patches(w, h float64) float64 {
	const side, most = 32, 1536
	if n := squares(w, h, side); n <= most {
		return float64(n)
	}
	r := math.Sqrt(side * side * most / (w * h))
	pw, ph := w*r/side, h*r/side
	r *= min(max(math.Floor(pw), 1)/pw, max(math.Floor(ph), 1)/ph)
	return min(float64(squares(w*r, h*r, side)), most)
}

// headerBytes of a picture are enough to read its size.
const headerBytes = 64 << 10

// dataSize reads the size of a data: URL's picture from its header.
func dataSize(url Text) (w, h int, ok bool) {
	s := url.JSON
	if !bytes.HasPrefix(s, []byte("data:")) {
		return 0, 0, false
	}
	s = s[:min(len(s), headerBytes*4/3+256)]
	if url.Escaped { // some write / as \/
		s = unescape(nil, s)
	}
	_, data, found := bytes.Cut(s, []byte(";base64,"))
	if !found {
		return 0, 0, false
	}
	decoded := func() io.Reader {
		return io.LimitReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(data)), headerBytes)
	}
	var head [30]byte
	if _, err := io.ReadFull(decoded(), head[:]); err == nil && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" {
		return webpSize(head[12:])
	}
	c, _, err := image.DecodeConfig(decoded())
	return c.Width, c.Height, err == nil && c.Width > 0 && c.Height > 0
}

// webpSize reads the first chunk of a WebP file.
func webpSize(b []byte) (w, h int, ok bool) {
	switch string(b[:4]) {
	case "VP8X":
		w = int(b[12]) | int(b[13])<<8 | int(b[14])<<16
		h = int(b[15]) | int(b[16])<<8 | int(b[17])<<16
		return w + 1, h + 1, true
	case "VP8L":
		bits := binary.LittleEndian.Uint32(b[9:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1, b[8] == 0x2f
	case "VP8 ":
		w = int(binary.LittleEndian.Uint16(b[14:]) & 0x3fff)
		h = int(binary.LittleEndian.Uint16(b[16:]) & 0x3fff)
		return w, h, w > 0 && h > 0
	}
	return 0, 0, false
}
