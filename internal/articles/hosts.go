package articles

import (
	"errors"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// perHost calls f for every element, parallel hosts at a time and the elements of one host one after the other. f gets
// what is left of its host too; when it answers false that rest is left alone. All errors are joined; none stops the others.
func perHost[T any](parallel int, list []T, address func(T) string, f func(one T, rest []T) (goOn bool, err error)) error {
	hosts := map[string][]T{}
	var order []string
	for _, e := range list {
		h := host(address(e))
		if hosts[h] == nil {
			order = append(order, h)
		}
		hosts[h] = append(hosts[h], e)
	}
	var (
		g      errgroup.Group
		mu     sync.Mutex
		failed []error
	)
	g.SetLimit(max(parallel, 1))
	for _, h := range order {
		g.Go(func() error {
			for i, e := range hosts[h] {
				goOn, err := f(e, hosts[h][i+1:])
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
				if !goOn {
					break
				}
			}
			return nil
		})
	}
	_ = g.Wait() // the functions above return no error
	return errors.Join(failed...)
}

// host returns the host of an address with its port, or the address itself where there is none.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return strings.ToLower(u.Host)
	}
	return address
}
