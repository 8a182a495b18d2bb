package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"mailer/internal/db"
)

func mapsKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// machine describes what the figures were taken on.
func (b *bench) machine(ctx context.Context) (map[string]string, error) {
	d, err := db.Open(ctx, b.pg.URL())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	m := map[string]string{
		"system":     runtime.GOOS + " " + runtime.GOARCH,
		"processors": fmt.Sprintf("%d × %s", runtime.NumCPU(), procField("/proc/cpuinfo", "model name")),
		"memory":     procField("/proc/meminfo", "MemTotal"),
		"go":         runtime.Version(),
		"load":       fmt.Sprintf("%.2f at the start", load()),
	}
	var settings []string
	for _, name := range []string{"server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections", "wal_level"} {
		var v string
		if err := d.GetContext(ctx, &v, `SELECT current_setting($1)`, name); err != nil {
			return nil, err
		}
		settings = append(settings, name+" "+v)
	}
	m["postgres"] = strings.Join(settings, ", ")
	flush, err := b.flushTime()
	m["disk"] = fmt.Sprintf("an 8 kB write is on it after %d µs", flush.Microseconds())
	return m, err
}

func procField(file, name string) string {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// flushTime is the median time of a write of 8 kB and its fsync in the folder of the databases. A few microseconds mean that
// the folder lies in memory.
func (b *bench) flushTime() (time.Duration, error) {
	f, err := os.Create(filepath.Join(b.dir, "flush"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	for range 50 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 8192)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
