package access

import "context"

// HashCheaply makes a replica that has not started hash with next to no memory. Tests of everything but passwords make
// hundreds of hashes, each of which costs 19 MiB of fresh memory otherwise.
func HashCheaply(s *Service) { s.hasher = newHasher(cost{memory: 64, passes: 1, threads: 1}) }

// AccountGone is what the sweep asks before it ends what an account had.
func AccountGone(ctx context.Context, s *Service, tenant, account string) (bool, error) {
	return s.accountGone(ctx, credential{tenant: tenant, account: account})
}

// Busy takes all slots in which passwords are hashed.
func Busy(s *Service) {
	for range hashSlots {
		s.hasher.slots <- struct{}{}
	}
}
