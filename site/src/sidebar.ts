/** The pages in the order in which a reader needs them. Each page but the decisions is in it, which the build holds. */
export const sidebar = [
  {
    text: "Begin",
    items: [
      { text: "What it is", link: "/" },
      { text: "A gentle introduction", link: "/introduction" },
      { text: "Step by step", link: "/step_by_step" },
      { text: "Moving here", link: "/moving_here" }
    ]
  },
  {
    text: "Guides",
    items: [
      { text: "Usage", link: "/usage_guide" },
      { text: "Configuration", link: "/configuration" },
      { text: "When Redis fails", link: "/error_handling" },
      { text: "Performance", link: "/performance" },
      { text: "Architecture", link: "/architecture" }
    ]
  },
  {
    text: "Features",
    items: [
      { text: "Commands", link: "/commands" },
      { text: "Near cache", link: "/near_cache" },
      { text: "Groups of values", link: "/tags" },
      { text: "One server, Sentinel or Cluster", link: "/topologies" },
      { text: "In a program of Promises", link: "/promises" },
      { text: "Testing", link: "/testing" }
    ]
  },
  {
    text: "Operating",
    items: [
      { text: "Monitoring", link: "/monitoring" },
      { text: "Health", link: "/health" },
      { text: "Settings at run time", link: "/settings" },
      { text: "Doctor", link: "/doctor" },
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
