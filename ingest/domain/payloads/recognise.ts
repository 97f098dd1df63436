/**
 * Payloads of a vendor's own form, told by what only they have. They are read by the vendor's profile on every topic whose
 * profile has `mayBeForeign`, so that a script may publish a tool's output below whatever metric its author chose.
 */
import type { ProfileName } from '../profile-names.ts'
import { isObject } from '../values.ts'

/** Without one of these keys, or a part like `switch:0`, it is none of them: nearly every message ends here. */
const marks = new Set(['modem', 'bearer', 'sim', 'modems_data', 'system_info', 'localtime', 'board_name', 'external', 'params'])
const colon = 0x3a

export const recognisedJson = (value: unknown): ProfileName | null => {
  if (!isObject(value)) return null
  for (const key in value) {
    const end = key.length
    if (marks.has(key) || key.charCodeAt(end - 2) === colon || key.charCodeAt(end - 3) === colon || key.charCodeAt(end - 4) === colon)
      return formOf(value)
  }
  return null
}

const formOf = (value: Record<string, unknown>): ProfileName | null => {
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

const shellyPart = /^(?:switch|em1?|em1?data|pm1|temperature|humidity|voltmeter|devicepower|cover|light|input):\d{1,3}$/

const isShelly = (value: Record<string, unknown>): boolean => {
  const { method, params } = value
  if (isObject(params) && (method === 'NotifyStatus' || method === 'NotifyFullStatus')) return true
  for (const key in value) if (key.includes(':') && shellyPart.test(key) && isObject(value[key])) return true
  return false
}

/** An AT command's echo or a Quectel answer; a number or word is neither. */
export const recognisedText = (text: string): ProfileName | null =>
  text.length > 5 && /^\s*(?:AT[+IQ&]|\+(?:Q[A-Z]{2,}|CM[ES] ERROR|CSQ|CESQ)\b)/i.test(text) ? 'quectel' : null
