#pragma once
// The kernels' definitions as plain loops, one thread, no torch, no vectors. Real is double (the
// reference for accuracy) or float (every operation of the contract in its order: the CPU kernels
// must give exactly these bits). Shapes and formulas are those of the kernels' headers, except that
// weights are not packed and keys are not in pages.
#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/head/head.h"

#include <cstdint>
#include <vector>

namespace retort::kernels::reference {

template <class Real>
void gemm_forward(const Real* x_TK, const Real* w_NK, const Real* bias_N, Real* y_TN, int64_t T,
                  int64_t K, int64_t N);
template <class Real>
void gemm_backward_input(const Real* dy_TN, const Real* w_NK, Real* dx_TK, int64_t T, int64_t K,
                         int64_t N);
template <class Real>
void gemm_backward_weight(const Real* dy_TN, const Real* x_TK, Real* dw_NK, Real* db_N, int64_t T,
                          int64_t K, int64_t N);

// Whole sequences: the tokens of run s are all its keys. first_position and page_table are not
// read.
template <class Real>
void attention_forward(const Real* q_TNH, const Real* k_TKH, const Real* v_TKH,
                       const AttentionRuns& runs, const AttentionDims& dims, Real* o_TNH,
                       Real* m_TN, Real* l_TN);
template <class Real>
void attention_backward(const Real* do_TNH, const Real* o_TNH, const Real* q_TNH, const Real* k_TKH,
                        const Real* v_TKH, const Real* m_TN, const Real* l_TN,
                        const AttentionRuns& runs, const AttentionDims& dims, Real* dq_TNH,
                        Real* dk_TKH, Real* dv_TKH);

template <class Real>
void rms_norm_forward(const Real* x_RD, const Real* w_D, double eps, Real* y_RD, Real* rstd_R,
                      int64_t R, int64_t D);
template <class Real>
void rms_norm_backward(const Real* dy_RD, const Real* x_RD, const Real* w_D, const Real* rstd_R,
                       Real* dx_RD, Real* dw_D, int64_t R, int64_t D);

template <class Real>
void rotary_apply(const Real* x_TNH, const int32_t* positions_T, const Real* cos_PC,
                  const Real* sin_PC, Real* y_TNH, int64_t T, int64_t N, int64_t H, int64_t C,
                  Real sign);

template <class Real>
void swiglu_forward(const Real* gate_up_T2F, Real* y_TF, int64_t T, int64_t F);
template <class Real>
void swiglu_backward(const Real* dy_TF, const Real* gate_up_T2F, Real* dgate_up_T2F, int64_t T,
                     int64_t F);

template <class Real>
void embedding_backward(const int32_t* ids_T, const Real* dy_TD, Real* dw_VD, int64_t T, int64_t D);

template <class Real>
void head_forward(const Real* h_TD, const Real* w_VD, const int32_t* targets_T,
                  const KeptSets& kept, Real temperature, Real* logp_T, Real* entropy_T, int64_t T,
                  int64_t D, int64_t V);
template <class Real>
void head_backward(const Real* dlogp_T, const Real* dentropy_T, const Real* h_TD, const Real* w_VD,
                   const int32_t* targets_T, const KeptSets& kept, Real temperature, Real* dh_TD,
                   Real* dw_VD, int64_t T, int64_t D, int64_t V);

template <class Real>
void adamw(Real* w, const Real* grad, Real* m, Real* v, int64_t count, const AdamwStep& step);
double sum_of_squares(const float* x, int64_t count);

}  // namespace retort::kernels::reference
