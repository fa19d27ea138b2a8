//! The lab: throwaway hosts on the operator's own machine.
