/** A selector as people write it, in rule files and for maintenance windows. One pattern, or a list of which any fits. */
import type { Selector } from './rule.ts'
import { flag, object, oneOrMore, optional, type Shape, text } from './shape.ts'

export const patterns = oneOrMore(text(200))

export const select: Shape<Selector> = object({
  class: optional(patterns, null, 'Device class of the inventory: critical, business, home.'),
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
