package accounts

import "context"

// Approvers returns the addresses of those who may approve campaigns of a list: its editors who have joined and may log in.
func (s *Store) Approvers(ctx context.Context, list int64) ([]string, error) {
	all, err := s.All(ctx)
	var addresses []string
	for _, a := range all {
		if a.Joined && a.Disabled == nil && a.Role(list) >= Editor {
			addresses = append(addresses, a.Email)
		}
	}
	return addresses, err
}
