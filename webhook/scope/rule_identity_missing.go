package scope

import (
	"fmt"

	"userscope.dev/userscope/webhook/podjson"
)

// refuseMissing refuses a Pod that nobody can be found for.
func (r *review) refuseMissing(key, noun string) {
	r.refuse(RuleIdentityMissing, podjson.Location{"metadata", "labels", podjson.MapKey(key)}, "", fmt.Sprintf(
		"no %[1]s: set this label to the sandbox's %[1]s id or, if the id is no legal label value, an annotation with the same key", noun))
}
