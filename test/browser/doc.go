// Package browser looks at the dashboard as people do: in headless Chromium, at the real
// program. The screenshots under docs/images are made with it, too.
package browser
