/**
 * Payloads of a vendor's own form, told by what only they have. They are read by the vendor's profile on every topic whose
 * profile has `mayBeForeign`, so that a script may publish a tool's output below whatever metric its author chose.
 */
import type { ProfileName } from '../profile-names.ts'
import { isObject } from '../values.ts'

export const recognisedJson = (value: unknown): ProfileName | null => {
  if (!isObject(value)) return null
  if (isMmcli(value)) return 'mmcli'
  if (Array.isArray(value['modems_data']) || (isObject(value['system_info']) && isObject(value['system_info']['mnf_info'])))
    return 'teltonika'
  if (isUbus(value)) return 'ubus'
  return isShelly(value) ? 'shelly' : null
}

const mmcliParts = ['signal', 'generic', '3gpp', 'location', 'cdma']

const isMmcli = (value: Record<string, unknown>): boolean => {
  const modem = value['modem']
  if (isObject(modem)) return mmcliParts.some((part) => isObject(modem[part]))
  return (
    (isObject(value['bearer']) && (isObject(value['bearer']['stats']) || isObject(value['bearer']['properties']))) ||
    (isObject(value['sim']) && isObject(value['sim']['properties']))
  )
}

/** `system info` has loads of 16 bits behind the point; `network.device status` of one device has its statistics at the top. */
const isUbus = (value: Record<string, unknown>): boolean =>
  ('localtime' in value && Array.isArray(value['load'])) ||
  ('board_name' in value && isObject(value['release'])) ||
  ('present' in value && 'external' in value && isObject(value['statistics']))

const shellyPart = /^(?:switch|em1?|em1?data|pm1|temperature|humidity|voltmeter|devicepower|cover|light|input):\d+$/

const isShelly = (value: Record<string, unknown>): boolean => {
  const { method, params } = value
  if (isObject(params) && (method === 'NotifyStatus' || method === 'NotifyFullStatus')) return true
  for (const key in value) if (key.includes(':') && shellyPart.test(key) && isObject(value[key])) return true
  return false
}

/** An AT command's echo or a Quectel answer; a number or word is neither. */
export const recognisedText = (text: string): ProfileName | null =>
  text.length > 5 && /^\s*(?:AT[+IQ&]|\+(?:Q[A-Z]{2,}|CM[ES] ERROR|CSQ|CESQ)\b)/i.test(text) ? 'quectel' : null
