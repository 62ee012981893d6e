package monitoring

import "testing"

func TestDashboard(t *testing.T) {
	upToDate(t, dashboardFile(t), tool(t, "dashboard", nil))
}
