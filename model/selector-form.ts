/** A selector as people write it, in rule files and for maintenance windows. One pattern, or a list of which any fits. */
import { deviceClasses } from './alarm.ts'
import type { Selector } from './rule.ts'
import { fitsAny } from './selector.ts'
import { flag, made, mistake, object, oneOrMore, optional, type Shape, text } from './shape.ts'

export const patterns = oneOrMore(text(200))
/** Of the three that there are: a misspelt one would fit no device and never say so. */
const classes = oneOrMore(
  made(text(200), (pattern, at, tell) => {
    if (deviceClasses.some((name) => fitsAny([pattern])(name))) return pattern
    tell(at, `expected a class of ${deviceClasses.join(', ')}, got "${pattern}"`)
    return mistake
  }),
)

export const select: Shape<Selector> = object({
  class: optional(classes, null, 'Device class of the inventory: critical, business, home.'),
  model: optional(patterns, null, '`<product>/<model>`, or the model alone.'),
  site: optional(patterns, null, 'Site of the inventory.'),
  region: optional(patterns, null, 'Region of the inventory.'),
  firmware: optional(patterns, null, 'Running firmware.'),
  group: optional(patterns, null, 'Group of devices.'),
  device: optional(patterns, null, 'MAC, 00-11-22-33-44-55.'),
  plan: optional(patterns, null, 'Data plan of the inventory.'),
  fixed: optional(flag, null, 'Only devices that stand somewhere (true), or that do not (false).'),
})

export const everyDevice: Selector = {
  class: null,
  model: null,
  site: null,
  region: null,
  firmware: null,
  group: null,
  device: null,
  plan: null,
  fixed: null,
}
