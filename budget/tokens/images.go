package tokens

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/gif"  // sizes of data: URLs
	_ "image/jpeg" // sizes of data: URLs
	_ "image/png"  // sizes of data: URLs
	"io"
)

// unseenTiles is assumed of a picture whose size cannot be known without fetching
// it, which is never done: a large one.
const unseenTiles = 6

// imageTokens is what a picture costs, by OpenAI's tiles of 512×512 after it is
// fitted into 2048×2048 and its shorter side into 768.
func imageTokens(f modelInfo, img Image) int {
	if img.Detail == "low" {
		return f.imageBase
	}
	tiles := unseenTiles
	if w, h, ok := dataSize(img.URL.JSON); ok {
		tiles = tilesOf(w, h)
	}
	return f.imageBase + tiles*f.imageTile
}

func tilesOf(w, h int) int {
	fw, fh := float64(w), float64(h)
	if m := max(fw, fh); m > 2048 {
		fw, fh = fw*2048/m, fh*2048/m
	}
	if m := min(fw, fh); m > 768 {
		fw, fh = fw*768/m, fh*768/m
	}
	up := func(x float64) int { return max((int(x+0.999)+511)/512, 1) }
	return up(fw) * up(fh)
}

// headerBytes of a picture are enough to read its size.
const headerBytes = 64 << 10

// dataSize reads the size of a data: URL's picture from its header.
func dataSize(url []byte) (w, h int, ok bool) {
	if !bytes.HasPrefix(url, []byte("data:")) {
		return 0, 0, false
	}
	_, data, found := bytes.Cut(url[:min(len(url), headerBytes*4/3+256)], []byte(";base64,"))
	if !found {
		return 0, 0, false
	}
	c, _, err := image.DecodeConfig(io.LimitReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(data)), headerBytes))
	return c.Width, c.Height, err == nil && c.Width > 0 && c.Height > 0
}
