// Units of time. All times are milliseconds; what is monotonic and what is wall-clock is in the name where both meet.

export type Ms = number;
