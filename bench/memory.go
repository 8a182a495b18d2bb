package main

import (
	"context"
	"fmt"
)

// memory measures the most memory that the sending process ever had, with few readers and with many. Each is a whole send, by
// a process of its own. The large one is that of part 6: its launch is measured on the way.
func (b *bench) memory(ctx context.Context) error {
	s, err := b.site(ctx, b.small)
	if err != nil {
		return err
	}
	few, err := s.sendOne(ctx)
	if err != nil {
		return err
	}
	b.note(measure{Name: fmt.Sprintf("sender, small list of %s", number(float64(b.small))), Value: few.memory, Unit: "MB", Less: true})
	many, err := b.largeSend(ctx)
	if err != nil {
		return err
	}
	b.note(measure{Name: fmt.Sprintf("sender, large list of %s", number(float64(b.options.million))), Value: many.memory, Unit: "MB", Less: true,
		Note: "every message of it was sent, with web pages and scheduler in the same process"})
	b.note(measure{Name: "the large against the small", Value: many.memory / few.memory, Unit: "×", Less: true, Aim: atMost(1.2, "≤ 1.2")})
	return nil
}
