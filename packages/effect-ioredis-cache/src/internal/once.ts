/** Builds one of something for each label, which has few values, and keeps it. */
export const once = <Label extends string, A>(build: (label: Label) => A): ((label: Label) => A) => {
  const built = new Map<Label, A>()
  return (label) => {
    const found = built.get(label)
    if (found !== undefined) return found
    const made = build(label)
    built.set(label, made)
    return made
  }
}
