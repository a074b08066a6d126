interface Edge {
  readonly file: string
  readonly target: string
}

/** The strongly connected components of more than one file (Tarjan), and files that import themselves. */
export function importCircles(imports: Iterable<Edge>): string[][] {
  const edges = Map.groupBy(imports, ({ file }) => file)
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (file: string): number => {
    const mine = index.size
    let lowest = mine
    index.set(file, mine)
    stack.push(file)
    for (const { target } of edges.get(file) ?? []) {
      if (!index.has(target)) {
        lowest = Math.min(lowest, visit(target))
      } else if (stack.includes(target)) {
        lowest = Math.min(lowest, low.get(target) ?? index.get(target) ?? mine)
      }
    }
    low.set(file, lowest)
    if (lowest === mine) {
      const component = stack.splice(stack.indexOf(file))
      const own = (edges.get(file) ?? []).some(({ target }) => target === file)
      if (component.length > 1 || own) {
        found.push(component)
      }
    }
    return lowest
  }
  for (const file of edges.keys()) {
    if (!index.has(file)) {
      visit(file)
    }
  }
  return found
}
