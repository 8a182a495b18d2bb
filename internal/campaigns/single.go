package campaigns

import "context"

// Proof sends a test copy of a campaign to an address; see Reviews.SendProofs.
func (s *Service) Proof(ctx context.Context, id int64, address string, r Reader, who string) error {
	_, err := s.Reviews.SendProofs(ctx, id, ProofRequest{Addresses: []string{address}, Reader: r}, who)
	return err
}
