package config

import "octopool/policy"

// An AdminPlace is the settings that an operator's program needs to ask an octopool.
type AdminPlace struct {
	Listen string // "" when there is no admin listener
	Token  policy.Secret
}

// AdminPlace is Settle for who asks the admin listener of a running octopool. It needs
// no other secret than that listener's.
func (s Source) AdminPlace(environ []string) (AdminPlace, []Problem) {
	st := s.settler(environ)
	out := AdminPlace{Listen: s.Written.Admin.Listen}
	if out.Listen != "" {
		st.listen("admin.listen", out.Listen)
	}
	if reference := s.Written.Admin.Token; reference != "" {
		out.Token = st.secret("admin.token", reference)
	}
	return out, st.problems
}
