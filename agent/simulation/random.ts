/** Seeded randomness: the same seed gives the same fleet on every machine (32-bit integer arithmetic only, but for the logarithm). */

export type Random = {
  /** 0 (included) to 1 (excluded). */
  next: () => number
  /** Whole number from `least` to `most`, both included. */
  between: (least: number, most: number) => number
  pick: <T extends readonly [unknown, ...unknown[]]>(items: T) => T[number]
  /** True with this probability. */
  chance: (probability: number) => boolean
  /** About normal: mean 0, deviation 1, never beyond 6. The sum of uniforms needs no logarithm, so no platform differs. */
  normal: () => number
  /** Shape of a UUID of version 4. */
  uuid: () => string
}

/** `stream` separates the devices of one seed. */
export const createRandom = (seed: number, stream: number): Random => {
  let state = mix(mix(seed >>> 0) ^ Math.imul(stream + 1, 0x9e3779b1))
  const bits = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const next = (): number => bits() / 0x1_0000_0000
  const hex = (): string => bits().toString(16).padStart(8, '0')
  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    chance: (probability) => next() < probability,
    normal: () => {
      let sum = -6
      for (let index = 0; index < 12; index++) sum += next()
      return sum
    },
    uuid: () => {
      const [a, b, c, d] = [hex(), hex(), hex(), hex()]
      return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-a${c.slice(1, 4)}-${c.slice(4)}${d}`
    },
  }
}

const mix = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
