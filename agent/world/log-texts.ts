/** Log lines as an OpenWrt-like router writes them. The wording is ours; what names a fault is the kernel's usual phrase. */
import type { Random } from '../simulation/random.ts'

const hex = (random: Random, digits: number): string => Array.from({ length: digits }, () => random.between(0, 15).toString(16)).join('')
const functions = ['wwan_rx_complete', 'nf_hook_slow', 'ubifs_writepage', 'usb_hcd_giveback_urb', 'skb_release_data'] as const
const programs = ['collectord', 'dnsmasq', 'uhttpd', 'hostapd', 'mwan3track'] as const

const trace = (random: Random): string[] => [
  `CPU: ${random.between(0, 3)} PID: ${random.between(300, 9999)} Comm: ${random.pick(programs)} Not tainted`,
  'Call trace:',
  ` ${random.pick(functions)}+0x${hex(random, 2)}/0x${hex(random, 3)}`,
  ` ${random.pick(functions)}+0x${hex(random, 2)}/0x${hex(random, 3)}`,
]

export const panicTexts = (random: Random): string[] => [
  `Unable to handle kernel NULL pointer dereference at virtual address ${hex(random, 8)}`,
  `Internal error: Oops: ${random.between(1, 817)} [#1] SMP ARM`,
  ...trace(random),
  'Kernel panic - not syncing: Fatal exception in interrupt',
  'Rebooting in 3 seconds..',
]
export const oopsTexts = (random: Random): string[] => [
  `Unable to handle kernel paging request at virtual address ${hex(random, 8)}`,
  `Internal error: Oops: 5 [#${random.between(1, 3)}] SMP ARM`,
  ...trace(random),
  `---[ end trace ${hex(random, 16)} ]---`,
]
export const oomTexts = (random: Random, program: string): string[] => {
  const pid = random.between(900, 9999)
  return [
    `${program} invoked oom-killer: gfp_mask=0x${hex(random, 6)}(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0`,
    `Mem-Info: active_anon:${random.between(6000, 9000)} inactive_anon:${random.between(200, 900)} free:${random.between(200, 500)}`,
    `Out of memory: Killed process ${pid} (${program}) total-vm:${random.between(40, 90)}236kB, anon-rss:${random.between(20, 40)}112kB, file-rss:0kB`,
  ]
}
export const softLockupTexts = (random: Random): string[] => {
  const cpu = random.between(0, 1)
  return [
    `watchdog: BUG: soft lockup - CPU#${cpu} stuck for ${random.between(22, 26)}s! [kworker/${cpu}:1:${random.between(20, 400)}]`,
    ...trace(random),
  ]
}
export const rcuStallTexts = (random: Random): string[] => [
  `rcu: INFO: rcu_sched self-detected stall on CPU ${random.between(0, 3)}`,
  `rcu: (t=${random.between(2100, 8400)} jiffies g=${random.between(1000, 9999)} q=${random.between(1, 40)})`,
  ...trace(random),
]
export const hungTaskTexts = (random: Random): string[] => [
  `INFO: task ${random.pick(programs)}:${random.between(900, 9999)} blocked for more than ${random.pick([61, 122, 245])} seconds.`,
  ...trace(random),
]
export const usbDropText = (device: number): string => `usb 1-1: USB disconnect, device number ${device}`
export const usbReturnTexts = (device: number): string[] => [
  `usb 1-1: new high-speed USB device number ${device} using xhci-hcd`,
  'qmi_wwan 1-1:1.4: cdc-wdm0: USB WDM device',
  "qmi_wwan 1-1:1.4 wwan0: register 'qmi_wwan' at usb-xhci-hcd-1, WWAN/QMI device",
]
export const usbErrorText = (random: Random): string =>
  random.chance(0.5)
    ? `usb 1-1: device descriptor read/64, error -${random.pick([71, 110])}`
    : `usb 1-1: device not accepting address ${random.between(3, 99)}, error -71`
export const flashErrorText = (random: Random): string =>
  random.pick([
    `ubi0 warning: ubi_io_read: error -74 (ECC error) while reading ${random.between(64, 2048)} bytes from PEB ${random.between(10, 900)}:${random.between(0, 4096)}, read only ${random.between(1, 64)} bytes`,
    `UBIFS error (ubi0:1 pid ${random.between(300, 9999)}): ubifs_read_node: bad node type (255 but expected 1)`,
    `blk_update_request: I/O error, dev mtdblock4, sector ${random.between(8, 9000)}; Buffer I/O error on dev mtdblock4, logical block ${random.between(1, 900)}`,
  ])
export const readOnlyText = 'UBIFS warning (ubi0:1): ubifs_ro_mode: switched to read-only mode, error -30'
export const conntrackText = 'nf_conntrack: nf_conntrack: table full, dropping packet'
export const txTimeoutText = (random: Random): string =>
  `NETDEV WATCHDOG: wwan0 (qmi_wwan): transmit queue 0 timed out ${random.between(5000, 9000)} ms`
export const thermalText = (celsius: number): string =>
  `thermal thermal_zone0: cpu-thermal: critical temperature reached (${Math.round(celsius)} C)`
export const segfaultText = (random: Random, program: string): string =>
  `${program}[${random.between(900, 9999)}]: segfault at ${hex(random, 8)} ip ${hex(random, 8)} sp ${hex(random, 8)} error 4 in libc.so[b6e00000+9a000]`
export const crashLoopText = (program: string, crashes: number): string =>
  `Instance ${program}::instance1 s in a crash loop ${crashes} crashes, 5 seconds since last crash`
export const badPasswordText = (random: Random): string =>
  `Bad password attempt for '${random.pick(['root', 'admin', 'user'])}' from 203.0.113.${random.between(1, 254)}:${random.between(30_000, 60_000)}`
export const bootTexts = (kernel: string, hardware: string): string[] => [
  `Linux version ${kernel} (builder@buildhost) (gcc 13.3.0) #0 SMP`,
  `Machine model: ${hardware}`,
  'VFS: Mounted root (squashfs filesystem) readonly on device 31:5.',
]

/** What a healthy router writes. */
export const ordinaryLine = (random: Random): { severity: number; program: string; text: string } => {
  const n = random.between(2, 250)
  return random.pick([
    { severity: 6, program: 'dnsmasq-dhcp', text: `DHCPACK(br-lan) 192.0.2.${n} 02:aa:bb:cc:dd:${n.toString(16).padStart(2, '0')}` },
    { severity: 6, program: 'hostapd', text: `phy0-ap0: AP-STA-CONNECTED 02:aa:bb:cc:ee:${n.toString(16).padStart(2, '0')}` },
    { severity: 6, program: 'hostapd', text: `phy0-ap0: AP-STA-DISCONNECTED 02:aa:bb:cc:ee:${n.toString(16).padStart(2, '0')}` },
    { severity: 5, program: 'netifd', text: `wwan0: signal refresh after ${n} s` },
    { severity: 6, program: 'crond', text: `USER root pid ${n + 3000} cmd /usr/sbin/quota-check` },
    { severity: 4, program: 'odhcpd', text: 'No default route present, overriding ra_lifetime!' },
  ])
}
