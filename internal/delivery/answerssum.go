package delivery

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// summing adds up what chunks were answered.
type summing struct {
	first, last *time.Time
	minutes     map[int64]*Minute
	refused     map[[2]string]*Refused
}

func (s *summing) add(provider string, data []byte) error {
	var c chunkAnswers
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	if s.minutes == nil {
		s.minutes, s.refused = map[int64]*Minute{}, map[[2]string]*Refused{}
	}
	if c.First != nil && (s.first == nil || c.First.Before(*s.first)) {
		s.first = c.First
	}
	if c.Last != nil && (s.last == nil || c.Last.After(*s.last)) {
		s.last = c.Last
	}
	for _, row := range c.Minutes {
		m := s.minutes[row[0]]
		if m == nil {
			m = &Minute{At: time.Unix(row[0]*60, 0).UTC()}
			s.minutes[row[0]] = m
		}
		m.Accepted, m.Deferred, m.Failed = m.Accepted+row[1], m.Deferred+row[2], m.Failed+row[3]
	}
	for _, row := range c.Refused {
		key := [2]string{row.class, provider}
		r := s.refused[key]
		if r == nil {
			r = &Refused{Class: row.class, Provider: provider, Seq: row.seq}
			s.refused[key] = r
		}
		r.Readers += row.n
	}
	return nil
}

func (s *summing) answered() Answered {
	a := Answered{First: s.first, Last: s.last}
	for _, m := range s.minutes {
		if m.Accepted+m.Deferred+m.Failed > 0 {
			a.Minutes = append(a.Minutes, *m)
		}
	}
	slices.SortFunc(a.Minutes, func(x, y Minute) int { return x.At.Compare(y.At) })
	for _, r := range s.refused {
		a.Refused = append(a.Refused, *r)
	}
	slices.SortFunc(a.Refused, func(x, y Refused) int {
		return cmp.Or(-cmp.Compare(x.Readers, y.Readers), cmp.Compare(x.Class, y.Class), cmp.Compare(x.Provider, y.Provider))
	})
	return a
}
