package exchange

import "octopool/store"

// Purge forgets what is kept under the keys that match accepts, and returns how much:
// representations, 404s and results of queries. The key of such a result has the path of
// GraphQL and no legible query. What is being fetched meanwhile may stay.
func (x *Exchange) Purge(match func(store.Key) bool) int {
	return x.Store.Purge(match) + x.missing.Purge(match) + x.queries.Purge(match)
}
