package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// markAge is how long a mark outside the database counts: rows of nodes that are no more are removed after longer than that.
const (
	markAge  = 60 * 24 * time.Hour
	markKeep = 90 * 24 * time.Hour
)

// Restored says that the database is not the one that was written to last: it came from a backup, or is a copy.
type Restored struct {
	Why   string  // for people
	Sends []int64 // the campaigns whose sends it paused, or that were paused already
}

// guard finds out that the database has gone back in time. What was sent since that time is then not on record, and would go
// out once more: so every running send is paused until a person has looked.
//
// A copy that is another cluster, timeline, database or set of tables is known by its identity, which the database keeps. A
// copy of the whole disk put back is the same in all of these; it is known by a number that each sender raises in the
// database and remembers outside of it, in memory and in a file.
type guard struct {
	log  *slog.Logger
	path string // of the file; empty: none

	mu   sync.Mutex
	mark mark
	sick bool // the file could not be written, and that was said
}

// mark is what a sender remembers outside the database. The row it names was committed.
type mark struct {
	Node     string    `json:"node"`
	Era      string    `json:"era"`
	System   string    `json:"system"`       // of which cluster
	Database int64     `json:"database_oid"` // and database; about another one it says nothing
	N        int64     `json:"n"`
	At       time.Time `json:"at"`
}

func newGuard(path string, log *slog.Logger) *guard {
	g := &guard{log: log, path: path}
	if path != "" {
		if data, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(data, &g.mark) // a broken file is as good as none
		}
	}
	if g.mark.Node == "" || g.mark.Era == "" || time.Since(g.mark.At) > markAge {
		g.mark = mark{Node: newUUID()}
	}
	return g
}

// check compares the database behind conn with what is remembered of it, raises the mark, and pauses every running send when it
// went back. No permit may be asked for over a new connection before it has returned nil.
func (g *guard) check(ctx context.Context, conn beginner) error {
	g.mu.Lock()
	m := g.mark
	g.mu.Unlock()
	// Not under the lock: a look over one connection that hangs must not hold up one over another.
	next, found, err := checkEra(ctx, conn, m)
	if err != nil {
		return err
	}
	found.Tell(g.log)
	g.mu.Lock()
	defer g.mu.Unlock()
	if next.Era != g.mark.Era || next.N > g.mark.N {
		g.mark = next
		g.keep()
	}
	return nil
}

// Tell puts into the log what a person must know; a nil Restored says nothing.
func (r *Restored) Tell(log *slog.Logger) {
	if r != nil {
		log.Error("this database was restored from a backup or failed over to a copy; its sends are paused until a person resumes them",
			"because", r.Why, "campaigns", r.Sends)
	}
}

// keep writes the mark beside the database. Where it cannot, memory has to do.
func (g *guard) keep() {
	if g.path == "" {
		return
	}
	data, err := json.Marshal(g.mark)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(g.path), 0o700)
	}
	if err == nil {
		tmp := fmt.Sprintf("%s.%d", g.path, os.Getpid())
		if err = os.WriteFile(tmp, data, 0o600); err == nil {
			err = os.Rename(tmp, g.path)
		}
	}
	if err != nil && !g.sick {
		g.log.Warn("the restore guard cannot keep its mark outside the database; a disk that is put back while no sender runs goes unseen", "err", err)
	}
	g.sick = err != nil
}
