package installation

// PermissionNames are all permissions there are.
func PermissionNames() []string { return permissionNames() }
