/**
 * Which devices a selector means. Texts are compared without regard to case, `*` stands for any characters. Made once into a
 * question, by the rules and by maintenance windows.
 */
import { isLike } from './keeping.ts'
import type { DeviceProfile, Selector } from './rule.ts'

export type Fits = (text: string) => boolean

export const fitsAny = (patterns: readonly string[]): Fits => {
  const lower = patterns.map((pattern) => pattern.toLowerCase())
  const exact = new Set(lower.filter((pattern) => !pattern.includes('*')))
  const open = lower.filter((pattern) => pattern.includes('*'))
  return (text) => {
    const own = text.toLowerCase()
    return exact.has(own) || open.some((pattern) => isLike(pattern, own))
  }
}

export type SelectedBy = Omit<DeviceProfile, 'assignedFirmware' | 'expectedIntervalMs'>

export const selectorOf = (select: Selector): ((profile: SelectedBy) => boolean) => {
  const asked: ((profile: SelectedBy) => boolean)[] = []
  const ask = (patterns: readonly string[] | null, question: (fits: Fits, profile: SelectedBy) => boolean): void => {
    if (patterns === null) return
    const fits = fitsAny(patterns)
    asked.push((profile) => question(fits, profile))
  }
  ask(select.class, (fits, profile) => fits(profile.class))
  ask(select.site, (fits, profile) => fits(profile.site))
  ask(select.region, (fits, profile) => fits(profile.region))
  ask(select.firmware, (fits, profile) => fits(profile.firmware))
  ask(select.group, (fits, profile) => profile.groups.some(fits))
  ask(select.device, (fits, profile) => fits(profile.device))
  ask(select.plan, (fits, profile) => fits(profile.plan))
  const models = select.model
  if (models !== null) {
    const whole = fitsAny(models.filter((pattern) => pattern.includes('/')))
    const alone = fitsAny(models.filter((pattern) => !pattern.includes('/')))
    asked.push(({ product, model }) => alone(model) || whole(`${product}/${model}`))
  }
  if (select.fixed !== null) asked.push(({ fixed }) => fixed === select.fixed)
  return (profile) => asked.every((question) => question(profile))
}
