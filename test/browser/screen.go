package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Screen is what a page is shown on.
type Screen struct {
	Width, Height int64   // in CSS pixels
	Scale         float64 // of the device to those; 0: 1
	Dark          bool
}

// On shows the page on another screen.
func (p *Page) On(s Screen) error {
	if s.Scale == 0 {
		s.Scale = 1
	}
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	return p.run("show it on another screen", chromedp.EmulateViewport(s.Width, s.Height, chromedp.EmulateScale(s.Scale)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
}
