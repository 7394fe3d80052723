/** The pages in the order in which a reader needs them. Each page but the decisions is in it, which the build holds. */
export const sidebar = [
  {
    text: "Begin",
    items: [
      { text: "What it is", link: "/" },
      { text: "A gentle introduction", link: "/introduction" },
      { text: "Step by step", link: "/step_by_step" },
      { text: "Moving here", link: "/moving_here" },
      { text: "All pages, and where to look", link: "/guides" }
    ]
  },
  {
    text: "Guides",
    items: [
      { text: "Usage", link: "/usage_guide" },
      { text: "Configuration", link: "/configuration" },
      { text: "Errors: when Redis fails", link: "/error_handling" },
      { text: "Monitoring", link: "/monitoring" },
      { text: "Performance", link: "/performance" },
      { text: "Architecture", link: "/architecture" }
    ]
  },
  {
    text: "Features",
    items: [
      { text: "Commands", link: "/commands" },
      { text: "Lookups: stale values, refreshes, leases", link: "/lookups" },
      { text: "Writes during an outage: the journal", link: "/journal" },
      { text: "Near cache", link: "/near_cache" },
      { text: "Groups of values: tags", link: "/tags" },
      { text: "One server, Sentinel or Cluster", link: "/topologies" },
      { text: "Tasks: work that survives", link: "/tasks" },
      { text: "Feature flags: switches and variants", link: "/feature_flags" },
      { text: "Promises: Express, NestJS, Next", link: "/promises" },
      { text: "Testing", link: "/testing" }
    ]
  },
  {
    text: "Operating",
    items: [
      { text: "Runbook: what to do when it is not well", link: "/runbook" },
      { text: "Logging and tracing: what is said, and why it was slow", link: "/logging_and_tracing" },
      { text: "Health: is Redis used right now?", link: "/health" },
      { text: "Doctor: what is wrong with this Redis?", link: "/doctor" },
      { text: "Settings at run time", link: "/settings" },
      { text: "Fault injection: trying an outage", link: "/fault_injection" },
      { text: "Deployment", link: "/deployment" }
    ]
  },
  {
    text: "More",
    items: [
      { text: "Every name in a line", link: "/api" },
      { text: "The stored format", link: "/stored_format" },
      { text: "Decisions", link: "/decisions/" },
      { text: "Contributing", link: "/contributing" }
    ]
  }
]
