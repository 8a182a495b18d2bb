package main

import (
	"strings"
	"sync"
	"time"
)

// group is what arrived together and was answered together. Times are nanoseconds since 1970.
type group struct {
	Arrived, Answered int64
	Commands          string // such as "MAIL RCPT DATA"; "." is the end of a message
}

// dialogue is what one connection said to the sink, group by group. A nil one records nothing.
type dialogue struct {
	mu     sync.Mutex
	groups []group
	next   int // the group whose answer is due
}

// keptGroups is more than the parts of the bench look at.
const keptGroups = 2000

func (d *dialogue) arrived(at time.Time, commands []string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.groups) < keptGroups {
		d.groups = append(d.groups, group{Arrived: at.UnixNano(), Commands: strings.Join(commands, " ")})
	}
}

// answered notes when the next group was answered. The greeting, which answers nothing, is passed over.
func (d *dialogue) answered(at time.Time) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next < len(d.groups) && d.groups[d.next].Answered == 0 {
		d.groups[d.next].Answered = at.UnixNano()
		d.next++
	}
}

func (d *dialogue) read() []group {
	if d == nil {
		return []group{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]group{}, d.groups[:d.next]...)
}

// critical counts the delayed answers on the critical path of a message: those of the groups that were only sent when the
// answer before had come. A group that was sent while an answer was still due costs no time of its own. Counted from one
// end of a message to another, so that opening and closing the connection are left out; messages is how many that were, and
// delay the mean time that an answer took.
func critical(groups []group) (answers float64, messages int, delay time.Duration) {
	first, last := -1, -1
	for i, g := range groups {
		if strings.Contains(g.Commands, ".") {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if last <= first {
		return 0, 0, 0
	}
	waited := 0
	for i := first + 1; i <= last; i++ {
		if strings.Contains(groups[i].Commands, ".") {
			messages++
		}
		if groups[i].Arrived >= groups[i-1].Answered {
			waited++
		}
		delay += time.Duration(groups[i].Answered - groups[i].Arrived)
	}
	return float64(waited) / float64(messages), messages, delay / time.Duration(last-first)
}
