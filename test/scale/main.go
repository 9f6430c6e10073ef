package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/test/browser"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sluice-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := os.Getenv("BIN")
	if binary == "" {
		if binary, err = browser.Build(dir); err != nil {
			return err
		}
	}
	h := house{200, 100, 3000}
	d, _ := os.MkdirTemp(dir, "")
	p, err := browser.Start(binary, d, h.yaml())
	if err != nil {
		return err
	}
	defer p.Stop()
	keys, err := h.fill(p, 200)
	if err != nil {
		return err
	}
	chromium, err := browser.Launch(dir + "/profile")
	if err != nil {
		return err
	}
	defer chromium.Close()
	t := drive(p, keys, 40)
	page, err := chromium.Open(p, 1440, 900, false)
	if err != nil {
		return err
	}
	if err := page.SignIn("ada", "correct horse battery"); err != nil {
		return err
	}
	for _, v := range views() {
		f, err := v.watch(page, 5*time.Second)
		if err != nil {
			fmt.Println(err)
			continue
		}
		mem, err := chromium.Renderer()
		fmt.Printf("%-20s cpu %.3f script %.3f longest %v long %d frame %v slow %v heap %.1f MB nodes %d private %.1f MB %v\n", v.name, f.CPU, f.Script, f.Longest, f.Long, f.Frame, f.Slow, float64(f.Heap)/1e6, f.Nodes, float64(mem)/1e6, err)
	}
	fmt.Println(t.end())
	return nil
}
