package main

import (
	"time"

	"mailer/internal/subscribers"
)

// tallies are the numbers of lists that are known without counting.
func (a *app) tallies() *subscribers.Tallies { return subscribers.NewTallies(a.db, time.Now) }
