/**
 * Redis' glob patterns (`*`, `?`, `[a-c]`, `[^x]`, `\`) over strings that hold one byte per
 * character.
 */
export const matches = (pattern: string): ((text: string) => boolean) => {
  const expression = new RegExp(`^(?:${translate(pattern)})$`, "s")
  return (text) => expression.test(text)
}

const translate = (pattern: string): string => {
  let source = ""
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern.charAt(index)
    if (char === "*") source += ".*"
    else if (char === "?") source += "."
    else if (char === "[") {
      const end = endOfClass(pattern, index)
      source += translateClass(pattern.slice(index + 1, end))
      index = end
    } else if (char === "\\" && index + 1 < pattern.length) source += literal(pattern.charAt(++index))
    else source += literal(char)
  }
  return source
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&")

// A class that is never closed reaches to the end of the pattern.
const endOfClass = (pattern: string, start: number): number => {
  for (let index = start + 1; index < pattern.length; index++) {
    if (pattern[index] === "\\") index++
    else if (pattern[index] === "]") return index
  }
  return pattern.length
}

const translateClass = (body: string): string => {
  const negated = body.startsWith("^")
  let source = ""
  for (let index = negated ? 1 : 0; index < body.length; index++) {
    if (body[index] === "\\" && index + 1 < body.length) source += literal(body.charAt(++index))
    else if (body[index + 1] === "-" && index + 2 < body.length) {
      // Redis takes a range either way round.
      const [low = "", high = ""] = [body.charAt(index), body.charAt(index + 2)].sort()
      source += `${literal(low)}-${literal(high)}`
      index += 2
    } else source += literal(body.charAt(index))
  }
  if (source === "") return negated ? "." : "(?!)"
  return `[${negated ? "^" : ""}${source}]`
}
