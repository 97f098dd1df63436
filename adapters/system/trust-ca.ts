/** A CA beside the well-known ones, for everything in this thread that speaks TLS without being told one (fetch). */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

export const trustCa = (pem: string): void => setDefaultCACertificates([...getCACertificates('default'), pem])
