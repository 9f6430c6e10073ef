package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

const password = "a password for pictures"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// options say what is taken.
type options struct {
	out, only, binary string
	warm              time.Duration
	sizes             bool
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.out, "out", "docs/images", "`DIR` for the pictures")
	flag.StringVar(&o.only, "only", "", "take only those whose names contain `TEXT`")
	flag.StringVar(&o.binary, "binary", "", "`FILE` of a gateway that is built already")
	flag.DurationVar(&o.warm, "warm", 100*time.Second, "how long there is traffic before the first picture")
	flag.BoolVar(&o.sizes, "sizes", false, "every page on a phone, a laptop and wall screens, to look at; not for docs/images")
	flag.Parse()
	dir, err := os.MkdirTemp("", "sluice-screenshots")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		if o.binary, err = browser.Build(dir); err != nil {
			return err
		}
	}
	outside := openai()
	defer outside.Close()
	all := teams()
	p, err := furnish(o.binary, dir, strings.ReplaceAll(configuration, "{{openai}}", outside.URL), all)
	if err != nil {
		return err
	}
	defer p.Stop()
	chromium, err := browser.Launch(filepath.Join(dir, "profile"))
	if err != nil {
		return err
	}
	defer chromium.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	for _, t := range all {
		go t.work(working, p)
	}
	fmt.Printf("traffic for %v\n", o.warm)
	select {
	case <-time.After(o.warm):
	case <-ctx.Done():
		return ctx.Err()
	}
	return o.take(p, chromium, all)
}

// take opens the dashboard and takes every picture.
func (o *options) take(p *browser.Program, chromium *browser.Browser, all []*team) error {
	session, err := p.Session("mina", password)
	if err != nil {
		return err
	}
	page, err := chromium.Open(p, 1440, 900, false)
	if err != nil {
		return err
	}
	defer page.Close()
	if err := page.Enter(session, "now"); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	var problems []error
	for _, s := range shots(all) {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		if err := o.shoot(page, s); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(append(problems, complaints(page))...)
}

func complaints(page *browser.Page) error {
	if said := page.Problems(); len(said) > 0 {
		return errors.New("the console complains: " + strings.Join(said, "; "))
	}
	return nil
}

// shoot takes one picture on every screen that it is for.
func (o *options) shoot(page *browser.Page, s shot) error {
	for suffix, screen := range o.screens(s) {
		if err := page.On(screen); err != nil {
			return err
		}
		if err := s.open(page); err != nil {
			return err
		}
		data, err := page.Shot()
		if err != nil {
			return err
		}
		if data, err = smaller(data); err != nil {
			return err
		}
		file := filepath.Join(o.out, s.name+suffix+".png")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s: %d KB\n", file, len(data)>>10)
	}
	return nil
}

// screens are what a picture is taken on, by the endings of its files' names.
func (o *options) screens(s shot) map[string]browser.Screen {
	if o.sizes {
		return map[string]browser.Screen{
			"-390": {Width: 390, Height: 844}, "-390-dark": {Width: 390, Height: 844, Dark: true}, "-1440": {Width: 1440, Height: 900},
			"-2560": {Width: 2560, Height: 1440, Dark: true}, "-3840": {Width: 3840, Height: 2160},
		}
	}
	screen := s.screen
	if screen.Width == 0 {
		screen = browser.Screen{Width: 1440, Height: 900}
	}
	dark := screen
	dark.Dark = true
	return map[string]browser.Screen{"": screen, "-dark": dark}
}
