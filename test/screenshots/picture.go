package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
)

// most is how many colours a picture may have: what one byte tells apart.
const most = 256

// smaller makes a picture a fraction of its size: the colours that a page has are few, and
// those in between, where letters are smoothed, go to the nearest.
func smaller(data []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	box := full.Bounds()
	often := map[color.RGBA]int{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			often[rgba(full.At(x, y))]++
		}
	}
	palette := pick(often)
	index := make(map[color.RGBA]uint8, len(often))
	small := image.NewPaletted(box, palette)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := rgba(full.At(x, y))
			i, known := index[c]
			if !known {
				i = uint8(palette.Index(c))
				index[c] = i
			}
			small.Pix[small.PixOffset(x, y)] = i
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, small)
	return out.Bytes(), err
}

func rgba(c color.Color) color.RGBA { return color.RGBAModel.Convert(c).(color.RGBA) }

// pick chooses the colours that are used most, none too near to one that is chosen; nearer
// ones follow while there is room.
func pick(often map[color.RGBA]int) color.Palette {
	all := slices.SortedFunc(maps.Keys(often), func(a, b color.RGBA) int {
		return cmp.Or(often[b]-often[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var chosen []color.RGBA
	for apart := 300; apart >= 0 && len(chosen) < min(most, len(all)); apart = apart/2 - 1 {
		for _, c := range all {
			if len(chosen) < most && !slices.ContainsFunc(chosen, func(o color.RGBA) bool { return o == c || distance(o, c) < apart }) {
				chosen = append(chosen, c)
			}
		}
	}
	palette := make(color.Palette, len(chosen))
	for i, c := range chosen {
		palette[i] = c
	}
	return palette
}

func distance(a, b color.RGBA) int {
	r, g, u := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return r*r + g*g + u*u
}
