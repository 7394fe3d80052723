import type { RedisCommand, Reply } from "effect-ioredis/RedisCommand"

/** What of an answer every server gives alike: not what has no order, nor what hangs on chance. */
export const comparable = ({ name }: RedisCommand, answer: Reply): Reply => (rules[name] ?? itself)(answer)

type Rule = (answer: Reply) => Reply

const itself: Rule = (answer) => answer

// How many there are; an error is compared as it is.
const shape: Rule = (answer) => {
  if (Array.isArray(answer)) return answer.length
  return typeof answer === "string" && !/^[A-Z]+ /.test(answer) ? "text" : answer
}

const rules: Readonly<Record<string, Rule>> = {
  ZRANDMEMBER: shape
}
